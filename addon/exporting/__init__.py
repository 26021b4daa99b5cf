"""Events of the book in the forms that other systems read. Pure: a function of the stored event.

None of these carries the proof that the stored form does: `seq` and `id` say which event it was.
"""
