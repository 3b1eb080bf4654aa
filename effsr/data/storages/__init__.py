"""Where pictures lie: a folder, an LMDB, one packed file, tar shards. A dataset does not see which."""
