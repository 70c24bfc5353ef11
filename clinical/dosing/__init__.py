"""How a dosage is read: timings, amounts, free text, steps."""
