"""`python -m authzsvc` is the `authzsvc` command."""

from authzsvc.cli.app import main

if __name__ == "__main__":
    main()
