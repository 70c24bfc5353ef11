"""How a drug is recognised: names, codes, forms and the tables behind them."""
