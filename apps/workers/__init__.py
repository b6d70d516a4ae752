"""Workers: who carries searches out."""
