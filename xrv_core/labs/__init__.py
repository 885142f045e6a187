"""A lab's own registries of classifiers: TOML files and https addresses, listed beside the plugins.

``reading`` gets the text, ``entries`` makes specs of it, ``listing`` puts them into the catalogue,
``publishing`` adds to a file. Loaded only where ``XRV_REGISTRIES`` or the user's own registry names one.
"""
