"""The researcher's desk: reliability, versions and translations of the questionnaires, and the data package; never names."""
