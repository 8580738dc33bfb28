# shellcheck shell=sh
# Shared by the scripts of the steps: options, paths, and how a step is started.
# A script calls `prepare ABOUT OPTIONS "$@"`, which gives every option as a variable of its name,
# with absolute paths, and then starts its step.

unset CDPATH
project_path=$(dirname "$0")/..
data_file='' input_file='' output_dir='' train_folder='' model_file='' result_files='' mlflow_args=''
runtime=process image='' memory=''

fail() {
    echo "error: $*" >&2
    exit 2
}

usage() {
    echo "usage: $0 [options]"
    echo
    echo "$about"
    echo
    for name in $options; do
        case $name in
        project_path) echo "  -p, --project_path FOLDER  checkout of this project (default: that of this script)" ;;
        data_file) echo "  -d, --data_file FILE       MadMiner event file" ;;
        input_file) echo "  -i, --input_file FILE      input file, or the settings of this step" ;;
        train_folder) echo "  -t, --train_folder FOLDER  samples of the method, samples/METHOD of step 1" ;;
        model_file) echo "  -m, --model_file FOLDER    trained model, models/METHOD_MEMBER of step 2" ;;
        result_files) echo "  -r, --result_files PATH    result of step 3; repeatable, or one path a line" ;;
        output_dir) echo "  -o, --output_dir FOLDER    where to write" ;;
        mlflow_args) echo "  -a, --mlflow_args ARGS     \"key=value key=value\" for parameters of MLproject" ;;
        esac
    done
    echo "      --runtime NAME         process (default), docker or apptainer"
    echo "      --image IMAGE          another container image than that of the workflow"
    echo "      --memory SIZE          largest memory of the container, as 4g"
    echo "  -h, --help                 this text"
}

# prepare ABOUT OPTIONS ARGUMENT...: reads the command line.
prepare() {
    about=$1 options=$2
    shift 2
    given=' project_path mlflow_args '
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --*=*)
            take "${1%%=*}" "${1#*=}"
            shift
            ;;
        -*)
            take "$1" "${2-}"
            [ $# -ge 2 ] || fail "option $1: its value is missing (see --help)"
            shift 2
            ;;
        *) fail "argument '$1': only options are allowed (see --help)" ;;
        esac
    done
    for name in $options; do
        case $given in *" $name "*) ;; *) fail "option --$name is missing (see --help)" ;; esac
        resolve "$name"
    done
    # An image has its own packages.
    [ -n "${MADMINER_WORKFLOW_IMAGE-}" ] || [ ! -d "$project_path/.venv/bin" ] ||
        PATH=$project_path/.venv/bin:$PATH
    export PATH PYTHONPATH="$project_path/code${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
    [ "$runtime" = process ] || contain
}

# contain: runs this script in a container, which sees the values of its options and nothing else.
contain() {
    make_output
    set -- "$project_path/scripts/${0##*/}"
    for name in $options; do
        eval "set -- \"\$@\" --$name \"\$$name\""
    done
    set -- --runtime "$runtime" --write "$output_dir" -- "$@"
    [ -z "$image" ] || set -- --image "$image" "$@"
    [ -z "$memory" ] || set -- --memory "$memory" "$@"
    case ${MLFLOW_TRACKING_URI-} in
    '') ;;
    sqlite:*) fail "MLFLOW_TRACKING_URI: containers reach no database outside of --output_dir" ;;
    *) set -- --network "$@" ;;
    esac
    export MADMINER_WORKFLOW_GATHERED="${MADMINER_WORKFLOW_GATHERED-}" # else that of the image
    exec python -m madminer_workflow.engine.runtimes.alone "$@"
}

# make_output: makes the folder of the output if it is missing, as one that a later run may clear.
make_output() {
    if [ ! -d "$output_dir" ]; then
        mkdir -p "$output_dir"
        : >"$output_dir/.madminer-workflow"
    fi
}

# take OPTION VALUE
take() {
    case $1 in
    -p | --project_path) name=project_path project_path=$2 ;;
    -d | --data_file) name=data_file data_file=$2 ;;
    -i | --input_file) name=input_file input_file=$2 ;;
    -t | --train_folder) name=train_folder train_folder=$2 ;;
    -m | --model_file) name=model_file model_file=$2 ;;
    -o | --output_dir) name=output_dir output_dir=$2 ;;
    --runtime) name=runtime runtime=$2 ;;
    --image) name=image image=$2 ;;
    --memory) name=memory memory=$2 ;;
    -a | --mlflow_args) name=mlflow_args mlflow_args="$mlflow_args $2" ;;
    -r | --result_files)
        name=result_files
        result_files="$result_files$2
"
        ;;
    *) name=unknown ;;
    esac
    case " $options runtime image memory " in
    *" $name "*) given="$given$name " ;;
    *) fail "option $1: unknown (see --help)" ;;
    esac
}

# resolve NAME: makes the paths of an option absolute; all but the output must exist.
resolve() {
    case $1 in
    project_path) project_path=$(cd "$(existing "$1" "$project_path")" && pwd) ;;
    data_file) data_file=$(existing "$1" "$data_file") ;;
    input_file) input_file=$(existing "$1" "$input_file") ;;
    train_folder) train_folder=$(existing "$1" "$train_folder") ;;
    model_file) model_file=$(existing "$1" "$model_file") ;;
    result_files)
        # `read` strips the blanks that Yadage puts between the elements of a list.
        result_files=$(printf '%s' "$result_files" | while read -r file; do
            [ -z "$file" ] || existing "$1" "$file"
        done)
        ;;
    output_dir)
        [ -n "$output_dir" ] || fail "option --output_dir: empty"
        output_dir=$(absolute "$output_dir")
        ;;
    esac
}

# existing NAME PATH: prints the path, absolute.
existing() {
    [ -e "$2" ] || fail "option --$1: '$2' does not exist"
    absolute "$2"
}

absolute() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
    esac
}

# overrides ENTRY: prints the parameters of an entry point of MLproject that are not paths.
overrides() {
    awk -v entry="  $1:" '
        /^  [a-z]/ { inside = ($0 == entry) }
        inside && /default: (input|"[0-9]+")/ { sub(":", "", $1); printf "%s ", $1 }
    ' "$project_path/MLproject"
}

# track ENTRY KEY=VALUE...: becomes an entry point of MLproject.
track() {
    entry=$1
    shift
    for pair in "$@"; do
        set -- "$@" -P "$pair"
        shift
    done
    allowed=$(overrides "$entry")
    set -f
    for pair in $mlflow_args; do
        case $pair in *=*) key=${pair%%=*} ;; *) key='' ;; esac
        case " $allowed" in
        *" $key "*) ;;
        *) fail "option --mlflow_args: '$pair' is not KEY=VALUE with KEY one of: $allowed" ;;
        esac
        set -- "$@" -P "$pair"
    done
    set +f
    [ -n "${MADMINER_WORKFLOW_GATHERED-}" ] || command -v mlflow >/dev/null ||
        fail "mlflow not found: run 'make environment' in $project_path"

    make_output
    USER=${USER:-$(id -un 2>/dev/null)} || USER=$(id -u) # a container may not know the user
    export USER
    exec python -m madminer_workflow.tracking.project "$project_path" -e "$entry" "$@"
}
