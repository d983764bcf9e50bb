"""A package of the name that our library's folder has, as another extension might bring it."""

OWNER = "the test extension"
