"""Any standard Easy Connect peer: give it Wi-Fi, be given Wi-Fi, or read what two peers said to each other.

Over TCP as the standard has it, and over our GATT service. Nothing here knows the onboarding API.
"""
