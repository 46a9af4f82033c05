# SPDX-License-Identifier: Apache-2.0
# Completion of dynamodb-backupctl for bash: commands, options, the daemon's jobs and backups.

_dynamodb_backupctl_names() { # COMMAND MEMBER: the MEMBERs in what COMMAND prints as JSON; silent without a daemon
    local -a words=("${COMP_WORDS[0]}" "$1" --json)
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --config | --socket) words+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    timeout 5 "${words[@]}" 2>/dev/null | sed -n "s/^ \{6\}\"$2\": \"\([^\"]*\)\".*/\1/p"
}

_dynamodb_backupctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    local commands='check next status run drill cancel list show link verify restore prune history'
    local options='--config --socket --json --local --state --help --version'
    COMPREPLY=()
    case $prev in
        --config | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
        --state) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
        --timezone) mapfile -t COMPREPLY < <(compgen -W "UTC $(awk -F '\t' '!/^#/ { print $3 }' /usr/share/zoneinfo/zone.tab 2>/dev/null)" -- "$cur"); return ;;
        --count | --from | --region | --profile | --role-arn | --table | --to-region | --to-role-arn | --write-capacity) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --config | --socket | --state) ((i++)) ;;
            -*) ;;
            *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $command in
        run | drill) options+=' --wait' ;;
        prune) options+=' --dry-run' ;;
        next) options+=' --timezone --count --from' ;;
        history) options+=' --count' ;;
        show | link | verify) options+=' --region --profile --role-arn' ;;
        restore)
            options+=' --table --create --overwrite --to-region --to-role-arn --write-capacity --dry-run --assume-plain'
            options+=' --region --profile --role-arn'
            ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        return
    fi
    case $command in
        '') mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
        status | run | drill | cancel | list | prune | history) mapfile -t COMPREPLY < <(compgen -W "$(_dynamodb_backupctl_names status name)" -- "$cur") ;;
        show | link | verify | restore) mapfile -t COMPREPLY < <(compgen -W "$(_dynamodb_backupctl_names list id) $(_dynamodb_backupctl_names status name | sed 's/$/@latest/')" -- "$cur") ;;
        next) mapfile -t COMPREPLY < <(compgen -W '@hourly @daily @weekly @monthly @yearly' -- "$cur") ;;
    esac
}
complete -F _dynamodb_backupctl dynamodb-backupctl
