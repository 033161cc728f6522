"""Signing in and out, for coordinators and researchers; participants have links instead."""
