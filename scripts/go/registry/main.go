// A registry of another project (go-containerregistry) with the referrers API, for the tests.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	quiet := registry.Logger(log.New(os.Stderr, "", 0))
	server := registry.New(quiet, registry.WithReferrersSupport(true))
	log.Fatal(http.ListenAndServe(os.Args[1], server))
}
