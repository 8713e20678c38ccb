"""What the scenarios of molecule need beside playbooks."""
