"""Networks of the families of models, a folder each; `inference.families` makes engines of them."""
