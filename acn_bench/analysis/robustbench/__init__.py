"""RobustBench's leaderboards of common corruptions, as published: 48 models by corruption and severity.

The four tables of accuracies are unchanged copies of its `model_info/<data set>/corruptions/unaggregated_results*.csv`.
`models.csv` holds, from the `.json` of each model, its name, architecture, venue, clean accuracy and published means.
"""
