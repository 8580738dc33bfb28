Feature: Log messages

    As a physicist,
    I want the logs of a run to tell what each step has done,
    So that I can judge its limits.

    Scenario: The engine has run every stage
        When the workflow is finished
        Then the engine logs should contain "added </configuration:0|defined|unknown>"
        And the engine logs should contain "added </sampling:0|defined|unknown>"
        And the engine logs should contain "added </members/0/training:0|defined|unknown>"
        And the engine logs should contain "added </members/0/evaluation:0|defined|unknown>"
        And the engine logs should contain "added </plotting:0|defined|unknown>"
        And the engine logs should contain "execution valid. (in terms of execution order)"
        And the engine logs should contain "workflow completed successfully."

    Scenario: The steps tell what they have done
        When the workflow is finished
        Then the job logs for the "sampling" step should contain "effective events at least"
        And the job logs for the "training" step should contain "PROGRESS: epoch 1/"
        And the job logs for the "evaluation_0" step should contain "held-out events"

    Scenario: The limits are printed
        When the workflow is finished
        Then the job logs for the "plotting" step should contain "Expected limits for "
        And the job logs for the "plotting" step should contain "can they be trusted:"
