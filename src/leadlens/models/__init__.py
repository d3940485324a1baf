"""Networks and losses. A network takes `(batch, lead, time)` and gives logits `(batch, class)`."""
