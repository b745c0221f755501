"""The log-mel spectrogram of Whisper. (Being written.)"""
