// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;

namespace Lifeboat.Cli.Commands;

internal sealed class ControllerUninstallCommand() : ServiceUninstall(SiteRole.Controller);
