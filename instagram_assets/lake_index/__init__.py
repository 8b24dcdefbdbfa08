"""An index of the lake for looking: what pages ask for in no time, made of the lake's tables and of nothing else."""
