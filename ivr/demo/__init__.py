"""The scripted phones and the guided demonstration."""
