"""The endpoints of the sandbox, one room for each part of the API page. They import FastAPI."""
