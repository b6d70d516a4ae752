"""Workers: who does it. Slots, leases, warm children, and what puts things right after a fault."""
