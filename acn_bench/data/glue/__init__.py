"""GLUE (Wang et al. 2019): its tasks, and the TSV folders of its release. `tasks` never imports torch."""
