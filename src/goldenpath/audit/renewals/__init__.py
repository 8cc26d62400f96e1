"""Why a model is trained again."""
