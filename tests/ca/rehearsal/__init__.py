"""The rehearsal CA: a small certificate authority for tests, demos and a site's own rehearsal.

It shares no code with the product. Every text in it is its own and synthetic; nobody trusts its roots.
"""
