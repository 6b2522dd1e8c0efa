"""The UDP link: an encrypted, reliable way between two addresses. Normative text: docs/protocol/link.md."""
