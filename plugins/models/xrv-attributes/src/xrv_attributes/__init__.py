"""Published models of the view, and of the patient's age, sex and race, for xrv-core."""
