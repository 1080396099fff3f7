"""The kind `glue_stream`: tasks of GLUE that arrive one after the other, a head each."""
