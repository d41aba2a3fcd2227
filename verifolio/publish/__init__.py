"""Publishing: bundles that stand alone, and the places they go to.

Knows no demo: everything comes from `demo.yml`, the demo's project and `publish.yml`. The hubs' clients are
imported only inside the functions that talk to a hub, so that writing and checking never need them.
"""
