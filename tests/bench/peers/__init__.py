"""Other servers around the same model, one file a framework; `refundlens bench --against` starts them."""
