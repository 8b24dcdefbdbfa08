"""The Python API for notebooks: the pipeline's steps on plain files and tables, without a lake or Dagster."""
