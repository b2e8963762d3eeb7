"""The command line: parse, call one service method, print; command modules stay light for a quick TAB."""
