Feature: Run duration

    As a physicist,
    I want the default run to end within minutes, however long each step waits for its machine,
    So that I can try things out.

    Scenario: The run is over within an hour
        When the workflow is finished
        Then the workflow run duration should be less than 60 minutes

    Scenario: No step takes long
        When the workflow is finished
        Then the duration of the step "configuration" should be less than 10 minutes
        And the duration of the step "sampling" should be less than 10 minutes
        And the duration of the step "training" should be less than 20 minutes
        And the duration of the step "evaluation_0" should be less than 20 minutes
        And the duration of the step "plotting" should be less than 20 minutes
