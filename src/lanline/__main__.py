from lanline.cli.main import main

main()
