/**
 * The tables of the compatible system as another program makes them: the columns of its specification, in the
 * collation that MySQL had by default, and one that nobody here knows.
 */
const table = (name: string, columns: string) =>
  `create table ${name} (\n${columns}\n) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_general_ci`;
const modified =
  '`_lastModified` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),';

export const theirTables: readonly string[] = [
  table(
    'd_b_workspace_instance',
    `\`id\` char(36) NOT NULL,
    \`workspaceId\` char(36) NOT NULL,
    \`region\` varchar(255) NOT NULL,
    \`creationTime\` varchar(255) NOT NULL,
    \`startedTime\` varchar(255) NOT NULL DEFAULT '',
    \`deployedTime\` varchar(255) NOT NULL DEFAULT '',
    \`stoppingTime\` varchar(255) NOT NULL DEFAULT '',
    \`stoppedTime\` varchar(255) NOT NULL DEFAULT '',
    \`ideUrl\` varchar(255) NOT NULL,
    \`workspaceImage\` varchar(255) NOT NULL,
    \`status\` json NOT NULL,
    \`phase\` char(32) GENERATED ALWAYS AS (json_unquote(json_extract(\`status\`, '$.phase'))) VIRTUAL,
    \`phasePersisted\` char(32) NOT NULL DEFAULT '',
    \`deleted\` tinyint(4) NOT NULL DEFAULT 0,
    \`configuration\` text,
    \`workspaceClass\` varchar(255) NOT NULL DEFAULT '',
    \`usageAttributionId\` varchar(60) NOT NULL DEFAULT '',
    \`gitStatus\` json,
    \`theirOwn\` varchar(40) NOT NULL DEFAULT 'x',
    ${modified}
    PRIMARY KEY (\`id\`),
    KEY \`ind_phasePersisted\` (\`phasePersisted\`),
    KEY \`ind_phasePersisted_region\` (\`phasePersisted\`, \`region\`)`,
  ),
  table(
    'd_b_workspace',
    `\`id\` char(36) NOT NULL,
    \`creationTime\` varchar(255) NOT NULL,
    \`ownerId\` char(36) NOT NULL,
    \`type\` char(16) NOT NULL DEFAULT 'regular',
    \`contextURL\` text NOT NULL,
    \`description\` varchar(255) NOT NULL,
    \`context\` text NOT NULL,
    \`config\` text NOT NULL,
    \`imageNameResolved\` varchar(255) NOT NULL,
    \`baseImageNameResolved\` varchar(255) NOT NULL,
    \`contentDeletedTime\` varchar(255) NOT NULL DEFAULT '',
    \`deleted\` tinyint(4) NOT NULL DEFAULT 0,
    ${modified}
    PRIMARY KEY (\`id\`)`,
  ),
  table(
    'd_b_workspace_cluster',
    `\`name\` char(64) NOT NULL,
    \`url\` varchar(255) NOT NULL,
    \`tls\` text NOT NULL,
    \`state\` char(20) NOT NULL,
    \`score\` int,
    \`maxScore\` int,
    \`govern\` tinyint(4) NOT NULL,
    \`admissionConstraints\` text NOT NULL,
    \`region\` varchar(255) NOT NULL DEFAULT '',
    \`availableWorkspaceClasses\` json,
    \`preferredWorkspaceClass\` varchar(100) NOT NULL DEFAULT '',
    \`deleted\` tinyint(4) NOT NULL DEFAULT 0,
    ${modified}
    PRIMARY KEY (\`name\`)`,
  ),
  table(
    'd_b_prebuilt_workspace',
    `\`id\` char(36) NOT NULL,
    \`cloneURL\` varchar(255) NOT NULL,
    \`commit\` varchar(255) NOT NULL,
    \`state\` varchar(255) NOT NULL,
    \`creationTime\` timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    \`buildWorkspaceId\` char(36) NOT NULL,
    \`snapshot\` varchar(255) NOT NULL DEFAULT '',
    \`error\` varchar(255) NOT NULL DEFAULT '',
    \`statusVersion\` bigint(20) NOT NULL DEFAULT 0,
    \`deleted\` tinyint(4) NOT NULL DEFAULT 0,
    ${modified}
    PRIMARY KEY (\`id\`)`,
  ),
  table(
    'd_b_prebuild_info',
    `\`prebuildId\` char(36) NOT NULL,
    \`info\` text NOT NULL,
    \`deleted\` tinyint(4) NOT NULL DEFAULT 0,
    ${modified}
    PRIMARY KEY (\`prebuildId\`)`,
  ),
  table(
    'd_b_workspace_instance_metrics',
    `\`instanceId\` char(36) NOT NULL,
    \`metrics\` json NOT NULL,
    ${modified}
    PRIMARY KEY (\`instanceId\`)`,
  ),
  table(
    'd_b_gitpod_token',
    `\`tokenHash\` varchar(255) NOT NULL,
    \`name\` varchar(255) NOT NULL,
    \`type\` int NOT NULL,
    \`userId\` char(36) NOT NULL,
    ${modified}
    PRIMARY KEY (\`tokenHash\`)`,
  ),
];
