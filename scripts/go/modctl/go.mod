module goldenpath.example/tools/modctl

go 1.24

require github.com/modelpack/modctl v0.2.2
