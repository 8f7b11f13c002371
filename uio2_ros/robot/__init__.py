"""The words of the domain: instruction, observation, answer, action space, errors. numpy only."""
