# Prepares a Redmine for `npm run check:redmine`; runs inside it (`rails runner`), and may run again. Prints one line of JSON for the check.
# What REST cannot do: switch REST on, and make a project, a custom field, a role and a user.
require 'json'
require 'securerandom'

Setting.rest_api_enabled = '1'

field = IssueCustomField.find_or_initialize_by(name: 'Dedupe key')
field.update!(field_format: 'string', is_filter: true, is_for_all: true, max_length: 64, visible: true, trackers: Tracker.all)

project = Project.find_or_initialize_by(identifier: 'secops')
project.update!(name: 'SecOps', is_public: false, enabled_module_names: %w[issue_tracking], trackers: Tracker.all, issue_custom_fields: [field])

# A second project that the same user may read: its tickets must never be adopted.
elsewhere = Project.find_or_initialize_by(identifier: 'elsewhere')
elsewhere.update!(name: 'Elsewhere', is_public: false, parent: project, enabled_module_names: %w[issue_tracking], trackers: Tracker.all,
                  issue_custom_fields: [field])

# The role that the documentation asks for, and nothing more.
role = Role.find_or_initialize_by(name: 'Ticket robot')
is_new = role.new_record?
role.update!(permissions: %i[view_issues add_issues edit_issues add_issue_notes], issues_visibility: 'all')
role.copy_workflow_rules(Role.find_by!(name: 'Manager')) if is_new

password = SecureRandom.hex(16)
robot = User.find_by(login: 'dockwarden') || User.new.tap { |user| user.login = 'dockwarden' }
robot.update!(firstname: 'Ticket', lastname: 'Robot', mail: 'dockwarden@example.test', password: password, password_confirmation: password,
              must_change_passwd: false)
[project, elsewhere].each { |place| Member.create!(project: place, principal: robot, roles: [role]) unless robot.member_of?(place) }

ids = ->(records) { records.to_h { |record| [record.name, record.id] } }
puts JSON.generate(
  apiKey: robot.api_key, login: robot.login, password: password, projectId: project.identifier, elsewhereId: elsewhere.identifier,
  customFieldId: field.id, trackers: ids.call(Tracker.sorted), priorities: ids.call(IssuePriority.sorted),
  statuses: IssueStatus.sorted.map { |status| { id: status.id, name: status.name, closed: status.is_closed? } }
)
