"""Numbers, threads and what scikit-learn keeps private: what all rooms use."""
