"""Converge guests, networks and storage of a KVM host to what YAML specs say, as gently as libvirt can."""
