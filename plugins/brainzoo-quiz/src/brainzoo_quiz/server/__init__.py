"""``brainzoo quiz serve``: shows a study to its readers and keeps their answers.

The server has no table of truth and never opens ``key.json``. A table that must not be read is one
mistake in a query away from being read; what is not there cannot leak, through no bug, backup or
log. The only true answers it holds are those of practice cases, which are for the readers. The
owner scores with the key in her own hands: ``brainzoo quiz score --database … --key key.json``.

``database.py``  opening SQLite or PostgreSQL so that a stored answer survives a kill
``tables.py``    what is stored
``admission.py``  who may enter
``store.py``     what readers do;  ``overview.py``  what the owner sees
``guard.py``     what holds for every request: host, origin, headers, errors
``app.py``       the routes
``running.py``   the address, TLS, and a clean end
"""
