"""Steps that were not finite: noticed (watch), explained (diagnosis), written down (incident)."""
