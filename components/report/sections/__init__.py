"""The sections of the page: a module each, which makes its parts and has the markup for them."""
