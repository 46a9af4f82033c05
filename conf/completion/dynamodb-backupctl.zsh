#compdef dynamodb-backupctl
# SPDX-License-Identifier: Apache-2.0
# Completion of dynamodb-backupctl for zsh: commands, options, the daemon's jobs and backups.

_dynamodb_backupctl_names() { # COMMAND MEMBER: the MEMBERs in what COMMAND prints as JSON; silent without a daemon
    local -a ask=(dynamodb-backupctl $1 --json)
    (( ${+opt_args[--config]} )) && ask+=(--config ${opt_args[--config]})
    (( ${+opt_args[--socket]} )) && ask+=(--socket ${opt_args[--socket]})
    timeout 5 $ask 2>/dev/null | sed -n "s/^ \{6\}\"$2\": \"\([^\"]*\)\".*/\1/p"
}

_dynamodb_backupctl_jobs() {
    local -a jobs=(${(f)"$(_dynamodb_backupctl_names status name)"})
    compadd -a jobs
}

_dynamodb_backupctl_backups() {
    local -a jobs=(${(f)"$(_dynamodb_backupctl_names status name)"}) backups=(${(f)"$(_dynamodb_backupctl_names list id)"})
    compadd -a backups
    compadd -- ${^jobs}@latest
}

_dynamodb_backupctl() {
    local curcontext=$curcontext state
    local -A opt_args
    local -a global=(
        '--config[the configuration]:file:_files'
        "--socket[the daemon's socket]:socket:_files"
        '--json[print JSON]'
        '--local[work without a daemon]'
        '--state[with --local, a state of its own]:folder:_files -/'
        '(- *)--help[help]'
        '(- *)--version[version]'
    )
    local -a commands=(
        'check:read the configuration without a daemon'
        'next:the next times of a schedule, or of all jobs'
        'status:jobs, next run, last result, what runs now'
        'run:start a backup now'
        'drill:restore the newest backup into a scratch table, and compare'
        'cancel:stop a backup or a drill now'
        'list:the backups that exist in S3'
        'show:one backup'
        'link:fresh download links'
        'verify:read everything back'
        'restore:write the items back into a table'
        'history:past runs'
        'prune:apply retention now'
    )
    _arguments -C $global '1:command:->command' '*::argument:->argument' && return
    case $state in
        command) _describe command commands ;;
        argument)
            case $words[1] in
                run | drill) _arguments $global '--wait[stay until it is over]' '1:job:_dynamodb_backupctl_jobs' ;;
                history) _arguments $global '--count[how many]:number:' '1:job:_dynamodb_backupctl_jobs' ;;
                prune) _arguments $global '--dry-run[only show what would go, and why]' '1:job:_dynamodb_backupctl_jobs' ;;
                status | cancel | list) _arguments $global '1:job:_dynamodb_backupctl_jobs' ;;
                show | link | verify)
                    _arguments $global '--region[of an s3:// address]:region:' '--profile[to read it with]:profile:' \
                        '--role-arn[to read it with]:role:' '1:backup:_dynamodb_backupctl_backups'
                    ;;
                restore)
                    _arguments $global '--table[to write to]:table:' '--create[make it where it does not exist]' \
                        '--overwrite[write to a table that holds something]' '--to-region[of the table]:region:' \
                        '--to-role-arn[that writes it]:role:' '--write-capacity[units a second, or a share]:N or N%:' \
                        '--dry-run[change nothing]' '--assume-plain[one plain JSON array]' \
                        '--region[of an s3:// address]:region:' '--profile[to read it with]:profile:' \
                        '--role-arn[to read it with]:role:' '1:backup:_dynamodb_backupctl_backups'
                    ;;
                next)
                    _arguments $global '--timezone[the clock that it means]:zone:_time_zone' '--count[how many]:number:' \
                        '--from[from then on]:time:' '1:expression:(@hourly @daily @weekly @monthly @yearly)'
                    ;;
                *) _arguments $global ;;
            esac
            ;;
    esac
}

_dynamodb_backupctl "$@"
