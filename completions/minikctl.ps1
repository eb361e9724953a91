# PowerShell completion for minikctl.    minikctl completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'minikctl' -ScriptBlock {
    param($WordToComplete, $CommandAst, $CursorPosition)

    $Words = @($CommandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $CursorPosition } |
        ForEach-Object { "$_".Trim('"', "'") })
    $Arguments = @($Words | Select-Object -Skip 1)
    if ($WordToComplete -eq '') { $Arguments += '' }

    $Lines = @(& $Words[0] __complete @Arguments 2>$null)
    if ($Lines.Count -eq 0) { return }
    $Directive = [int]($Lines[-1].TrimStart(':'))
    if ($Directive -band 1) { return }
    if ($Directive -band 24) { return }   # PowerShell completes files itself

    # In --flag=value the candidates are values.
    $Flag = ''
    if ($WordToComplete -match '^(-[^=]*=)(.*)$') { $Flag = $Matches[1]; $WordToComplete = $Matches[2] }
    $Space = if ($Directive -band 2) { '' } else { ' ' }

    $Found = @($Lines | Select-Object -SkipLast 1 | Where-Object { $_.StartsWith($WordToComplete) } | ForEach-Object {
        $Name, $Description = $_ -split "`t", 2
        if (-not $Description) { $Description = $Name }
        $Quoted = $Name -replace '\s|[#@$;,''{}()"`|<>&]', '`$&'
        [System.Management.Automation.CompletionResult]::new("$Flag$Quoted$Space", $Name, 'ParameterValue', $Description)
    })
    if ($Found.Count -eq 0 -and ($Directive -band 4)) { return '' }
    $Found
}
