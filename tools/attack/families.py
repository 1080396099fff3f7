"""The families of damaged input."""

import damaged_cards
import damaged_pickles
import damaged_records
import damaged_weights
import odd_words
from case import Make

FAMILIES: dict[str, tuple[int, Make]] = {  # name -> how many cases, and what makes them
    "damaged records": (600, damaged_records.damaged_record),
    "forged records": (300, damaged_records.forged_record),
    "strange files": (80, damaged_records.strange_file),
    "benchmark cards": (250, damaged_cards.benchmark_card),
    "strategy cards": (150, damaged_cards.strategy_card),
    "weights": (250, damaged_weights.weights),
    "pickles": (200, damaged_pickles.pickles),
    "settings": (200, odd_words.settings),
    "names": (200, odd_words.names),
}
