"""The pages of the sandbox: server-rendered, without script."""
