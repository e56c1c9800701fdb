"""Labels made by people: what accounts say of their age, what to label next, who said what, how far they agree."""
