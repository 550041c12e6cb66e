"""The console of the running robot: a web page to watch and lead it, and the REST interface behind it."""
