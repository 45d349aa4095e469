"""An analysis as a folder of three texts, on its author's machine: begun from a template, checked, published."""
