Feature: Workspace files

    As a physicist,
    I want to find limits and figures in the workspace,
    So that I can download them.

    Scenario: The outputs are there
        When the workflow is finished
        Then all the outputs should be included in the workspace
        And the workspace should contain "plotting/limits/histogram.npz"
        And the workspace should contain "plotting/limits/rate.npz"
        And the workspace should contain "plotting/figures/limits_full.pdf"
        And the workspace should contain "plotting/figures/limits_kinematics.pdf"

    Scenario: The results have all their parts
        When the workflow is finished
        Then the file "plotting/results.json" should contain "best_fit"
        And the file "plotting/results.json" should contain "fisher_information"
        And the file "plotting/results.json" should contain "provenance"

    Scenario: Figures are no empty files
        When the workflow is finished
        Then the size of the file "plotting/figures/limits_full.png" should be between "5 KiB" and "5 MiB"
        And the size of the file "plotting/figures/training.png" should be between "5 KiB" and "5 MiB"

    Scenario: The workspace does not fill the disk
        When the workflow is finished
        Then the workspace size should be less than "5 GiB"
